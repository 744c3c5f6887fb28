export { AccountNames } from './account-names.ts';
export { ioctl } from './device-control.ts';
export { type DirectoryEntry, readDirectory, readDirectoryBatches } from './directory.ts';
export { effectiveUser } from './effective-user.ts';
export { dataRanges, ftruncate, posixFadvise, punchHole, seekData, seekHole, syncFileSystem } from './file-content.ts';
export { lockFile, unlockFile } from './file-lock.ts';
export { type FileTimes, fchmodAt, fchownAt, futimens, utimensAt } from './file-metadata.ts';
export { currentFolder, type FileKind, type FileStatus, fstatFd, lstatBytes, statAt } from './file-status.ts';
export {
  linkAt,
  mkdirAt,
  mknodAt,
  type NodeKind,
  readlinkAt,
  renameAt,
  rmdirAt,
  symlinkAt,
  unlinkAt,
} from './folder-entries.ts';
export { closeFd, openAt, openBeneath, openFlag } from './open-files.ts';
export { isPosixError, PosixError } from './posix-error.ts';
export {
  congestionControl,
  setCongestionControl,
  setMaxPacingRate,
  setNotSentLowWater,
  setTrafficClass,
} from './socket-options.ts';
export { type TcpInfo, tcpInfo } from './tcp-info.ts';
export { getXattr, listXattrs, readXattrs, removeXattr, setXattr, type Xattr, type XattrPlace } from './xattrs.ts';
