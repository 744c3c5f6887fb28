import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { toHex } from '#runtime';
import { FolderVolumes } from '#targets/folder';
import { parseRecord } from '#wire';
import { openTestStore } from './open-store.ts';
import { seededRandom, testRecord } from './records.ts';

// Appends records to the store in argv[2] until it is killed, and prints the id of each when it is acknowledged.
const [folder = '', seed = '0'] = process.argv.slice(2);
const random = seededRandom(Number(seed) + 1000);
const volumes = await FolderVolumes.open(join(folder, 'packs'));
const { store } = await openTestStore(volumes, join(folder, 'index'), {
  random,
  limits: { packBytes: 256 * 1024, groupBytes: 20_000, commitDelayMs: 2 },
});
for (;;) {
  const records = Array.from({ length: 10 }, (_, i) =>
    testRecord(random, { kind: i % 3 === 0 ? 2 : 1, sealedBytes: 17 + Math.floor(random.fraction() * 5000) }),
  );
  await Promise.all(
    records.map(async (record) => {
      await store.append(record);
      writeSync(
        1,
        parseRecord(record)
          .ids.map((id) => `${toHex(id)}\n`)
          .join(''),
      );
    }),
  );
}
