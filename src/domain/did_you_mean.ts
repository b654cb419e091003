import { closest, distance } from "fastest-levenshtein";

/** The known word that `word` was probably meant to be; undefined when none is near. */
export function didYouMean(
  word: string,
  known: readonly string[],
): string | undefined {
  if (known.length === 0) return undefined;
  const best = closest(word, known);
  const near = best.length < 4 ? 1 : Math.max(2, Math.floor(best.length / 3));
  return distance(word, best) <= near ? best : undefined;
}
