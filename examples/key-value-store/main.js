import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

import { Store } from './store.js'

const { values } = parseArgs({
  options: {
    directory: { type: 'string', default: join(tmpdir(), 'fsys-example-store') },
    changes: { type: 'string', default: '1000' },
    'snapshot-every': { type: 'string', default: '100' },
  },
})
const CLIENTS = 8
const changes = Number(values.changes)
const snapshotEvery = Number(values['snapshot-every'])

const store = await Store.open(values.directory)
for (const [key, count] of store.entries()) console.log(`found ${key} ${count}`)

let done = 0
let snapshot = Promise.resolve()
await Promise.all(Array.from({ length: CLIENTS }, (_, client) => countUp(`counter-${client}`)))
await snapshot
await store.close()

/** One client, which counts as high as it can. */
async function countUp(key) {
  while (done < changes) {
    const count = (store.get(key) ?? 0) + 1
    console.log(`setting ${key} ${count}`)
    await store.set(key, count)
    console.log(`set ${key} ${count}`)
    if (++done % snapshotEvery === 0) snapshot = snapshot.then(() => store.snapshot())
  }
}
