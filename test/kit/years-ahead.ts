// Loaded before everything else (node --import) into the processes of a site whose clock is wrong: wall time is shifted by
// SITEPAIR_TEST_CLOCK_DAYS days, time that is measured is not.
const shiftMs = Number(process.env.SITEPAIR_TEST_CLOCK_DAYS ?? 0) * 86_400_000;
const RightDate = Date;

class ShiftedDate extends RightDate {
  constructor(...args: unknown[]) {
    if (args.length === 0) super(RightDate.now() + shiftMs);
    else super(...(args as [number]));
  }

  static override now(): number {
    return RightDate.now() + shiftMs;
  }
}

globalThis.Date = ShiftedDate as DateConstructor;
