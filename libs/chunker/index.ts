export { Chunker } from './chunker.ts';
export { type ChunkerParameters, chunkerDefaults } from './chunker-parameters.ts';
