export { FolderVolumes } from './folder-volumes.ts';
