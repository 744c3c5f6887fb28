// Stands in for #posix where an appliance locks its state: on the simulated disk nobody else is there.
import { closeSync } from './file-system.ts';

export function lockFile(_fd: number): boolean {
  return true;
}

export function closeFd(fd: number): void {
  closeSync(fd);
}
