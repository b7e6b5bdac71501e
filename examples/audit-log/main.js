import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'

import { AuditLog, readEntries } from './audit-log.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { log: { type: 'string', default: join(tmpdir(), 'fsys-example-audit.wal') } },
})

const commands = { record, show, verify }
const [name = 'record'] = positionals
if (!Object.hasOwn(commands, name)) throw new Error(`there is no command ${name}: record, show or verify`)
try {
  await commands[name](values.log)
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}

/** Records each line of the input, and prints its receipt. It does not wait for one before it records the next. */
async function record(path) {
  const log = await AuditLog.open(path)
  const receipts = []
  for await (const line of createInterface({ input: process.stdin })) {
    receipts.push(log.record(line).then(({ number, hash }) => console.log(number, hash)))
  }
  await Promise.all(receipts)
  await log.close()
}

function show(path) {
  for (const { number, time, text } of readEntries(path)) console.log(number, time, text)
}

/** Checks the log from its beginning, and that it holds the entries whose receipts stand in the input. */
async function verify(path) {
  // Opening for writing refuses what ends before something that was confirmed. A reader would take that for the end.
  const log = await AuditLog.open(path, { create: false })
  await log.close()
  const wanted = new Map()
  if (!process.stdin.isTTY) {
    for await (const line of createInterface({ input: process.stdin })) {
      const [number, hash] = line.split(' ')
      wanted.set(Number(number), hash)
    }
  }
  let count = 0
  for (const { number, hash } of readEntries(path)) {
    count++
    if (wanted.has(number) && wanted.get(number) !== hash) throw new Error(`entry ${number} is not that of the receipt`)
    wanted.delete(number)
  }
  const [missing] = wanted.keys()
  if (missing !== undefined) throw new Error(`entry ${missing} is missing, and there is a receipt for it`)
  console.log(`${count} entries, all as they were recorded`)
}
