// What is measured: webhooks of a given size, the same on every machine, and programs for them.

/** Tells what was pushed, and by whom. */
export const program =
  '{repo: .repository.full_name, commits: [.commits[] | ' +
  '{id: .id[:8], by: .author.name, files: ((.added + .modified) | length)}]}';

/**
 * A webhook of about `size` bytes, as JSON.
 *
 * @param {number} size
 * @returns {Uint8Array}
 */
export function webhook(size) {
  const encoder = new TextEncoder();
  const commits = [];
  const event = {
    ref: 'refs/heads/main',
    repository: { id: 4711, full_name: 'sand/box', private: false, stars: 1.5e3 },
    pusher: { name: 'Ada', email: 'ada@example.org' },
    commits,
  };
  let written = encoder.encode(JSON.stringify(event)).length;
  while (written < size) {
    const number = commits.length + 1;
    const commit = {
      id: (BigInt(number) * 0x9e3779b97f4a7c15n).toString(16).padStart(40, '0').slice(-40),
      message: `Change ${number}: smoothes the sand\n\n„Größe“ comes before beauty.`,
      timestamp: `2026-11-24T13:${String(number % 60).padStart(2, '0')}:00Z`,
      author: { name: number % 3 ? 'Ada' : 'Grace', email: 'ada@example.org' },
      added: [`src/grain_${number}.rs`],
      modified: ['README.md', `src/box_${number % 7}.rs`],
    };
    commits.push(commit);
    written += encoder.encode(JSON.stringify(commit)).length + 1;
  }
  return encoder.encode(JSON.stringify(event));
}
