// A time axis for the staircase: from milliseconds to a share of the width, linear or logarithmic.

const LOG_FROM = 20; // times between fastest and slowest, beyond which a linear bar shows nothing

/** Whether the spread of `times` (ms) asks for a logarithmic axis. */
export const wantsLog = (times) => times.length > 1 && Math.max(...times) / Math.min(...times) > LOG_FROM;

/** A function ms → 0..1 that fits all positive `times`; logarithmic axes start below the smallest. */
export function makeScale(times, logarithmic) {
  const positive = times.filter((t) => t > 0);
  if (!positive.length) return () => 0;
  const high = Math.max(...positive) * 1.04;
  if (!logarithmic) return (ms) => Math.min(1, Math.max(0, ms / high));
  const low = 10 ** Math.floor(Math.log10(Math.min(...positive) / 1.5));
  const span = Math.log10(high / low);
  return (ms) => (ms > low ? Math.min(1, Math.log10(ms / low) / span) : 0);
}
