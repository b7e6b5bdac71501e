import type { OpenMode } from '../storage.js'
import type { DirectoryNode } from './directory-node.js'
import type { FileNode } from './file-node.js'
import { systemError } from './sim-errors.js'

/** An open file: what `open` makes and `close` ends. */
export class FileDescription {
  readonly node: FileNode | DirectoryNode
  readonly path: string
  readonly mode: OpenMode
  isClosed = false
  /** Calls that have not been answered yet. */
  unanswered = 0
  #errorsSeen: number

  constructor(node: FileNode | DirectoryNode, path: string, mode: OpenMode) {
    this.node = node
    this.path = path
    this.mode = mode
    this.#errorsSeen = node.kind === 'file' ? node.errorsSeenAtOpen : 0
    if (node.kind === 'file') node.openings += 1
  }

  get isDirect(): boolean {
    return this.mode === 'direct' || this.mode === 'direct-through'
  }

  /** Past the page cache only whole sectors are moved, from and to memory that is aligned as they are. */
  checkAlignment(address: number, length: number, position: number, sectorBytes: number, syscall: string): void {
    if (!this.isDirect) return
    const isAligned = address % sectorBytes === 0 && length % sectorBytes === 0 && position % sectorBytes === 0
    if (!isAligned) throw systemError('EINVAL', syscall)
  }

  fileToRead(): FileNode {
    if (this.isClosed) throw systemError('EBADF', 'read')
    if (this.node.kind !== 'file') throw systemError('EISDIR', 'read')
    return this.node
  }

  /** `code` is what Linux says of files that are open for reading only. */
  fileToChange(syscall: string, code: string): FileNode {
    if (this.isClosed) throw systemError('EBADF', syscall)
    if (this.node.kind !== 'file' || this.mode === 'read') throw systemError(code, syscall)
    if (this.node.isReadOnly) throw systemError('EROFS', syscall)
    return this.node
  }

  /** Tells of failed writing back once: true if there was some since this description was opened or last told. */
  takeError(): boolean {
    if (this.node.kind !== 'file' || !this.node.hasErrorsSince(this.#errorsSeen)) return false
    this.#errorsSeen = this.node.seeErrors()
    return true
  }
}
