// Times and spans in words.

/** A span, given in milliseconds. */
export function span(ms: number): string {
  const a = Math.abs(ms);
  if (a < 1) return `${Math.round(a * 1000)} µs`;
  if (a < 100) return `${a.toFixed(1)} ms`;
  if (a < 1000) return `${Math.round(a)} ms`;
  if (a < 60_000) return `${(a / 1000).toFixed(a < 10_000 ? 2 : 1)} s`;
  if (a < 3_600_000) return `${Math.floor(a / 60_000)} min ${Math.floor((a % 60_000) / 1000)} s`;
  if (a < 86_400_000) return `${Math.floor(a / 3_600_000)} h ${Math.floor((a % 3_600_000) / 60_000)} min`;
  return `${Math.floor(a / 86_400_000)} d ${Math.floor((a % 86_400_000) / 3_600_000)} h`;
}

/** An instant of the API in milliseconds, with the fraction that Date drops. */
export function instant(text: string): number {
  const fraction = /\.(\d{3})(\d+)Z$/.exec(text);
  return Date.parse(text) + (fraction ? Number(`0.${fraction[2]}`) : 0);
}

/** An instant as the reader's clock shows it. */
export function clock(text: string): string {
  return new Date(text).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
}
