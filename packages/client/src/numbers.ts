/** A number of a status packet. Some servers leave it empty, workers may write anything: what is no number reads as 0. */
export function toNumber(text: string): number {
  const value = Number(text);
  return Number.isFinite(value) ? value : 0;
}

/** The part that is done; 0 when nobody said how much there is. */
export function toFraction(numerator: number, denominator: number): number {
  return denominator === 0 ? 0 : numerator / denominator;
}
