import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { agentActionSchemas } from '#domain/contracts/agent-intents';
import { MESSAGE_SCHEMAS, TOPICS } from '#domain/contracts/message';

const FOLDER = path.resolve(__dirname, '../../docs/messages');

/** Every payload that travels as a message, and the action of every intent, by the name of its file. */
const schemas: [string, z.ZodType][] = [
  ...TOPICS.flatMap((topic) =>
    Object.entries(MESSAGE_SCHEMAS[topic]).map(([version, schema]): [string, z.ZodType] => [
      `${topic}.v${version}.schema.json`,
      schema,
    ]),
  ),
  ...Object.entries(agentActionSchemas).map(([kind, schema]): [string, z.ZodType] => [
    `intent.${kind}.v1.schema.json`,
    schema,
  ]),
];

test.each(schemas)(
  '%s is what is published; UPDATE_GOLDEN=1 writes a new file, and a version that exists stays',
  (name, schema) => {
    const file = path.join(FOLDER, name);
    const text = `${JSON.stringify({ $id: `urn:adloop:message:${name}`, ...z.toJSONSchema(schema) }, null, 2)}\n`;
    if (process.env.UPDATE_GOLDEN === '1' && !existsSync(file)) writeFileSync(file, text);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(JSON.parse(text));
  },
);

test('no schema is kept of which nothing tells any more', () => {
  const kept = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));
  expect(kept.sort()).toEqual(schemas.map(([name]) => name).sort());
});
