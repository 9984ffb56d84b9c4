/** The value that a share of the numbers does not exceed; 0 without any. @param share from 0 to 1 */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}

/** The one in the middle; of an even number the lower one of two. */
export function median(numbers: readonly number[]): number {
  return quantile(numbers, 0.5);
}

/** The median with the smallest and the largest. */
export function summary(numbers: readonly number[], digits: number): string {
  const [middle, low, high] = [0.5, 0, 1].map((share) => quantile(numbers, share).toFixed(digits));
  return `${middle} (${low} to ${high})`;
}
