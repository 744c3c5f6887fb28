import { AppError } from '#runtime';

/** A step of the demo did not show what it must show: a fault of Sitepair, never of the user. */
export class DemoFailure extends AppError {
  constructor(what: string, cause?: unknown, details: Readonly<Record<string, unknown>> = {}) {
    super(what, {
      code: 'demo_failed',
      advice: 'This is a fault of Sitepair. Report it with what is printed above; --keep leaves everything to look at.',
      details,
      ...(cause === undefined ? {} : { cause }),
    });
  }
}

/** Fails the demo unless `holds`; `otherwise` says what was found instead. */
export function check(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new DemoFailure(otherwise);
}
