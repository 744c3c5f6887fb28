const byteUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** A size with three figures in a decimal unit: "1.35 GB", "420 kB", "17 B". */
export function formatBytes(bytes: number): string {
  const unit = unitOf(bytes);
  return `${threeFigures(bytes / 1000 ** unit, unit > 0)} ${byteUnits[unit]}`;
}

/** Sizes in the one unit that suits the largest, for a column: figures, and the unit for its head. */
export function byteColumn(sizes: readonly number[]): { readonly unit: string; readonly figures: readonly string[] } {
  const unit = unitOf(Math.max(0, ...sizes));
  const decimals = unit === 0 ? 0 : 2;
  const least = 10 ** -decimals;
  const figures = sizes.map((bytes) => {
    const figure = bytes / 1000 ** unit;
    return figure > 0 && figure < least / 2 ? `<${least}` : figure.toFixed(decimals);
  });
  return { unit: byteUnits[unit] ?? '', figures };
}

/** A rate of a link, in Mbit/s: "93.4 Mbit/s". */
export function formatLinkRate(bytesPerSecond: number): string {
  return `${threeFigures((bytesPerSecond * 8) / 1e6, true)} Mbit/s`;
}

/** A rate of reading, writing or checking: "540 MB/s". */
export function formatDataRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}

/** The two largest units: "5 h 21 min", "3 d 4 h", "42 s"; below 10 s with a tenth. */
export function formatDuration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return twoUnits(whole, 60, 'min', 's');
  const minutes = Math.round(seconds / 60);
  if (minutes < 24 * 60) return twoUnits(minutes, 60, 'h', 'min');
  return twoUnits(Math.round(seconds / 3600), 24, 'd', 'h');
}

/** "60,639". */
export function formatCount(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}

/** "1 file", "60,639 files". */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** An ISO time as this machine's wall clock shows it: "2026-01-31 08:00". */
export function formatTime(iso: string): string {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return iso;
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}`;
}

function unitOf(bytes: number): number {
  let unit = 0;
  // 999.5 and more would be written as 1000.
  while (unit < byteUnits.length - 1 && bytes / 1000 ** unit >= 999.5) unit += 1;
  return unit;
}

function threeFigures(value: number, mayHaveDecimals: boolean): string {
  if (!mayHaveDecimals || value >= 99.95) return Math.round(value).toString();
  return value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}

function twoUnits(total: number, perLarge: number, large: string, small: string): string {
  const rest = total % perLarge;
  const first = `${Math.floor(total / perLarge)} ${large}`;
  return rest === 0 ? first : `${first} ${rest} ${small}`;
}
