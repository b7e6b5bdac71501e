// A reporter for node:test: what failed, one test behind the other, with its place and its reason; nothing of what passed.
import { inspect } from 'node:util'

/** Suites fail with their tests, whose reasons are told already. */
const isOwn = ({ details }) => details.error?.failureType !== 'subtestsFailed'

// node:test takes a reporter by its default export.
// oxlint-disable-next-line no-default-export
export default async function* failures(events) {
  for await (const { type, data } of events) {
    if (type !== 'test:fail' || data.todo || !isOwn(data)) continue
    const { name, file, line, details } = data
    const reason = details.error?.cause ?? details.error
    yield `\n${file}:${line}\n${name}\n${typeof reason === 'string' ? reason : inspect(reason)}\n`
  }
}
