import type { OpenMode } from '../storage.js'
import type { DirectoryNode } from './directory-node.js'
import { FileDescription } from './file-description.js'
import type { FileNode } from './file-node.js'
import { SimFile } from './sim-file.js'
import type { SimProcess } from './sim-process.js'
import { TripFile } from './trip-file.js'

/** A file of a process, as its disk has them. To be called from within an operation. */
export function openedFile(process: SimProcess, node: FileNode | DirectoryNode, path: string, mode: OpenMode): SimFile {
  const description = process.opened(new FileDescription(node, path, mode))
  return process.medium.rules.oneTrip ? new TripFile(process, description) : new SimFile(process, description)
}
