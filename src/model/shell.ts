/** A word as a POSIX shell takes it literally: quoted where it is not plain, so that nothing in it is executed. */
export const shellWord = (text: string): string =>
  /^[A-Za-z0-9@%+=:,./_-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
