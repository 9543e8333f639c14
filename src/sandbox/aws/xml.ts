/** A value to be written as XML: objects are elements, lists repeat `member` (query protocol) or `item` (EC2). */
export type XmlValue =
  | string
  | number
  | boolean
  | undefined
  | readonly XmlValue[]
  | { readonly [name: string]: XmlValue };

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\r': '&#xD;',
};
const escapeXml = (text: string): string => text.replace(/[&<>"\r]/g, (char) => escapes[char] as string);

const isList = (value: XmlValue): value is readonly XmlValue[] => Array.isArray(value);

/** One element; nothing at all for undefined. */
export const element = (name: string, value: XmlValue, item: 'member' | 'item'): string => {
  if (value === undefined) return '';
  if (isList(value)) return `<${name}>${value.map((each) => element(item, each, item)).join('')}</${name}>`;
  if (typeof value === 'object')
    return `<${name}>${Object.entries(value)
      .map(([key, each]) => element(key, each, item))
      .join('')}</${name}>`;
  return `<${name}>${escapeXml(String(value))}</${name}>`;
};
