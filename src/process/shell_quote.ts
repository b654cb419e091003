/** The text in single quotes, as dotenv and POSIX shells read it. */
export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
