import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'

/** A root file system that is being laid out in a folder. Paths are those that the image will have. */
export class Tree {
  private readonly folder: string

  constructor(folder: string) {
    this.folder = folder
    mkdirSync(folder, { recursive: true })
  }

  has(path: string): boolean {
    return existsSync(this.at(path))
  }

  write(path: string, text: string, mode = 0o644): void {
    const file = this.made(path)
    writeFileSync(file, text)
    chmodSync(file, mode)
  }

  /** Copies a file, whatever links lead to it. */
  copy(from: string, path: string, mode = 0o644): void {
    const file = this.made(path)
    copyFileSync(from, file)
    chmodSync(file, mode)
  }

  copyFolder(from: string, path: string): void {
    cpSync(from, this.made(path), { recursive: true })
  }

  link(path: string, target: string): void {
    symlinkSync(target, this.made(path))
  }

  makeFolder(path: string, mode: number): void {
    mkdirSync(this.at(path), { recursive: true })
    chmodSync(this.at(path), mode)
  }

  /** Where a path of the image is for now. */
  at(path: string): string {
    return join(this.folder, path)
  }

  /** Gives everything one time, so that the same sources make the same layer. */
  settle(time: Date): void {
    for (const name of readdirSync(this.folder, { recursive: true, encoding: 'utf8' }))
      lutimesSync(this.at(name), time, time)
    lutimesSync(this.folder, time, time)
  }

  private made(path: string): string {
    mkdirSync(dirname(this.at(path)), { recursive: true })
    return this.at(path)
  }
}
