import './many-snapshots.test.ts';
