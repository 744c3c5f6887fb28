import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecordedTerminal } from '../testing/recorded-terminal.ts';
import { SitepairCommand } from './command.ts';
import { Invocation } from './invocation.ts';
import { buildProgram } from './program.ts';

function everyCommand(command: SitepairCommand): SitepairCommand[] {
  const below = command.commands.filter((child) => child instanceof SitepairCommand);
  return [command, ...below.flatMap(everyCommand)];
}

function helpOf(command: SitepairCommand): string {
  let help = '';
  command.configureOutput({ writeOut: (text) => (help += text) });
  command.outputHelp();
  return help;
}

const commands = everyCommand(buildProgram(new Invocation(new RecordedTerminal(false))));

test('there are commands', () => {
  assert.ok(commands.length > 30);
});

for (const command of commands) {
  const name = command.fullName();
  test(`"${name} --help" teaches by example, and tells its exit codes`, () => {
    const help = helpOf(command);
    assert.match(help, /Examples:\n {2}\$ \S/);
    assert.match(help, /Exit codes: 0 done, 1 failed, 2 wrong usage/);
    assert.notEqual(command.description(), '');
    if (command.commands.length === 0) assert.ok(help.includes(`$ ${name}`) || help.includes(`| ${name}`));
    for (const line of help.split('\n')) assert.ok(line.length <= 120, line);
  });
}
