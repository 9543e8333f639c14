import { RoleliftError } from '../model/error.js';
import { visible } from '../model/text.js';

/** Questions to a person at a terminal. Without one, whatever would have been asked is a usage error that names the option. */
export interface Prompts {
  confirm(question: string, option: string, otherwise?: boolean): Promise<boolean>;
  choose<T extends string>(
    question: string,
    choices: readonly { readonly value: T; readonly name: string }[],
    option: string,
  ): Promise<T>;
  pick(
    question: string,
    choices: readonly {
      readonly value: string;
      readonly name: string;
      /** What stands in the line of the answer. */
      readonly short?: string;
      readonly checked?: boolean;
    }[],
    option: string,
  ): Promise<readonly string[]>;
  text(question: string, otherwise: string, option: string): Promise<string>;
}

const interrupted = (thrown: unknown): never => {
  if (thrown instanceof Error && (thrown.name === 'ExitPromptError' || thrown.name === 'AbortPromptError')) {
    throw new RoleliftError(
      {
        code: 'RL806',
        message: 'stopped at a question',
        remedy: 'Run the same command again; nothing was lost.',
        fault: 'user',
      },
      { exit: 130 },
    );
  }
  throw thrown;
};

/** `hold` keeps other output off the screen until what it answers is called. */
export const terminalPrompts = (hold: () => Promise<() => void>): Prompts => {
  let last: Promise<unknown> = Promise.resolve();
  const put = async <T>(question: Record<string, unknown>): Promise<T> => {
    const release = await hold();
    try {
      const { default: inquirer } = await import('inquirer');
      // Questions go to standard error: standard output is for results.
      const prompt = inquirer.createPromptModule({ output: process.stderr } as never);
      const answers = (await prompt([{ ...question, name: 'answer' }] as never).catch(interrupted)) as { answer: T };
      return answers.answer;
    } finally {
      release();
    }
  };
  /** One question at a time: moves reach their gates side by side. */
  const ask = <T>(question: Record<string, unknown>): Promise<T> => {
    const asked = last.then(() => put<T>(question));
    last = asked.catch(() => undefined);
    return asked;
  };
  const escaped = <C extends { readonly name: string; readonly short?: string }>(choices: readonly C[]) =>
    choices.map((choice) => ({ ...choice, name: visible(choice.name), short: visible(choice.short ?? choice.name) }));
  return {
    confirm: (message, _option, otherwise = false) =>
      ask({ type: 'confirm', message: visible(message), default: otherwise }),
    choose: (message, choices) => ask({ type: 'select', message: visible(message), choices: escaped(choices) }),
    pick: (message, choices) =>
      ask({ type: 'checkbox', message: visible(message), choices: escaped(choices), pageSize: 15 }),
    text: (message, otherwise) => ask({ type: 'input', message: visible(message), default: otherwise }),
  };
};

const refuse = (question: string, option: string): never => {
  throw new RoleliftError(
    {
      code: 'RL601',
      message: `a question needs an answer, and there is no terminal to ask at: ${question}`,
      cause: 'standard input or standard error is not a terminal',
      remedy: `Answer it with ${option}.`,
      fault: 'user',
    },
    { exit: 64 },
  );
};
export const noPrompts: Prompts = {
  confirm: async (question, option) => refuse(question, option),
  choose: async (question, _choices, option) => refuse(question, option),
  pick: async (question, _choices, option) => refuse(question, option),
  text: async (question, _otherwise, option) => refuse(question, option),
};
