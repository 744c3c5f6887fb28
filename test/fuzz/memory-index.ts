import type { Place, StoreOptions } from '#store';

type OpenIndex = NonNullable<StoreOptions['openIndex']>;
type OpenedIndex = Awaited<ReturnType<OpenIndex>>;
type PlaceIndex = OpenedIndex['index'];

/** An index that forgets everything with the store: each opening reads the packs. */
export const openMemoryIndex: OpenIndex = async () => {
  const index = memoryIndex();
  return { index, home: { opened: none, replace: (fill) => replaced(fill), removeOld: none } };
};

const none = () => Promise.resolve();

async function replaced(fill: (index: PlaceIndex) => Promise<void>): Promise<PlaceIndex> {
  const index = memoryIndex();
  await fill(index);
  return index;
}

function memoryIndex(): PlaceIndex {
  const places = new Map<string, Place>();
  return {
    lookup: async (keys) => keys.map((key) => places.get(key)),
    async put(entries) {
      for (const [key, place] of entries) places.set(key, place);
    },
    cover: none,
    covered: () => [],
    drop: async (pack, keys) => {
      for (const key of keys) if (places.get(key)?.pack === pack) places.delete(key);
    },
    async *entries() {
      yield* [...places];
    },
    close: none,
  };
}
