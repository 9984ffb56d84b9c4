import { endsAnswer, formatCommand, splitWords, TEXT_COMMANDS, type TextCommand } from '@gearman/protocol';
import { describe, expect, it } from 'vitest';
import { latin1 } from '../helpers.ts';
import { FRAMES } from '../vectors/vectors.ts';

describe('TEXT_COMMANDS', () => {
  it('are named after their words', () => {
    for (const [name, { words }] of Object.entries(TEXT_COMMANDS)) expect(words.join(' ')).toBe(name);
  });
});

describe('splitWords', () => {
  it.each([
    ['status', ['status']],
    ['show  unique   jobs', ['show', 'unique', 'jobs']],
    ['status ', ['status']],
    [' status', ['', 'status']],
    ['', ['']],
    ['   ', ['']],
    ['maxqueue\tf 5', ['maxqueue\tf', '5']],
  ])('splits %j at its spaces', (line, words) => {
    expect(splitWords(line)).toEqual(words);
  });
});

describe('formatCommand', () => {
  it('writes one line that ends with CRLF', () => {
    expect(formatCommand('show unique jobs')).toBe('show unique jobs\r\n');
    expect(formatCommand('maxqueue', ['f', '1', '2', '3'])).toBe('maxqueue f 1 2 3\r\n');
  });

  it.each(['a b', 'a\nshutdown', 'a\rb', '', '☃'])('refuses the argument %j', (arg) => {
    expect(() => formatCommand('drop function', [arg])).toThrow(
      expect.objectContaining({
        code: 'ERR_GEARMAN_INVALID_ARGUMENT',
        message: expect.stringContaining(JSON.stringify(arg)),
      }),
    );
  });

  it('refuses more than five words', () => {
    expect(() => formatCommand('maxqueue', ['f', '1', '2', '3', '4'])).toThrow(/more than 5 words/);
  });
});

describe('endsAnswer', () => {
  it('knows the end of a list, also when a function is called like an error', () => {
    expect(endsAnswer('list', 'f\t0\t0\t0')).toBe(false);
    expect(endsAnswer('list', 'ERR f\t0\t0\t0')).toBe(false);
    expect(endsAnswer('list', '')).toBe(false);
    expect(endsAnswer('list', '.')).toBe(true);
    expect(endsAnswer('list', 'ERR UNKNOWN_SHOW_ARGUMENTS')).toBe(true);
  });

  it('ends every other answer after one line', () => {
    for (const line of ['OK', 'OK 1.1.20', 'ERR x', '.', '']) {
      expect(endsAnswer('value', line)).toBe(true);
      expect(endsAnswer('done', line)).toBe(true);
    }
  });

  it('finds the end of every recorded answer', () => {
    const commands = Object.entries(TEXT_COMMANDS) as [TextCommand, (typeof TEXT_COMMANDS)[TextCommand]][];
    let checked = 0;
    for (const [i, question] of FRAMES.entries()) {
      const answer = FRAMES[i + 1];
      if (question.kind !== 'text' || question.dir !== 'to-server' || answer?.kind !== 'text') continue;
      const request = latin1(question.bytes).split('\n');
      const words = splitWords(request[0]?.replace(/\r$/, '').toLowerCase() ?? '');
      const command = commands.find(([, definition]) =>
        definition.words.every((word, at) => words[at] === word),
      );
      if (command === undefined || request.length !== 2 || answer.dir !== 'from-server') continue;
      const lines = latin1(answer.bytes)
        .replace(/\r?\n$/, '')
        .split(/\r?\n/);
      const ends = lines.map((line) => endsAnswer(command[1].answer, line));
      expect(ends.indexOf(true), `${question.id}: ${command[0]}`).toBe(lines.length - 1);
      checked++;
    }
    expect(checked).toBeGreaterThan(50);
  });
});
