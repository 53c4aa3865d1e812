// Small documents, all invented, and a program for each.

const PUSH = {
  action: "opened",
  number: 42,
  pull_request: {
    title: "Smooth the sand after every request",
    draft: false,
    user: { login: "ammophila", id: 7001 },
    labels: [{ name: "memory" }, { name: "review wanted" }],
    additions: 128,
    deletions: 31,
  },
  repository: { full_name: "dunes/box", private: false, stars: 1204 },
  sender: { login: "ammophila" },
};

const ORDER = {
  order: "A-1093",
  currency: "EUR",
  placed: "2026-05-03T09:41:00Z",
  items: [
    { sku: "bucket-2l", name: "Bucket, 2 litres", quantity: 2, price: 4.5 },
    { sku: "spade-s", name: "Spade, small", quantity: 1, price: 7.25 },
    { sku: "flag-red", name: "Flag, red", quantity: 12, price: 0.4 },
  ],
  customer: { name: "Ada Marram", email: "ada@example.org", consent: false },
};

const LOG = [
  { level: "info", at: 1767225600, message: "tide is out", ms: 3 },
  { level: "error", at: 1767225604, message: "wall has fallen", ms: 210 },
  { level: "info", at: 1767225611, message: "wall was mended", ms: 18 },
  { level: "error", at: 1767225633, message: "tide is in", ms: 995 },
];

const READINGS = Array.from({ length: 400 }, (_, index) => ({
  station: `dune-${index % 8}`,
  minute: index,
  wind: (index * 37) % 23,
  grains: (index * index) % 1009,
}));

const json = (value) => JSON.stringify(value, null, 2);

/** The first is what the page begins with. */
export const EXAMPLES = [
  {
    name: "A webhook, cut down to a message",
    program: `.pull_request as $pr
| { text: "\\(.sender.login) \\(.action) #\\(.number): \\($pr.title)",
    repo: .repository.full_name,
    labels: [$pr.labels[].name],
    size: ($pr.additions + $pr.deletions) }`,
    document: json(PUSH),
  },
  {
    name: "An order without what is private",
    program: `del(.customer.email)
| .items |= map(. + { sum: (.quantity * .price) })
| .total = (.items | map(.sum) | add)`,
    document: json(ORDER),
  },
  {
    name: "Several outputs, one a line",
    program: `.[] | select(.level == "error")
| { at: (.at | todate), message, slow: (.ms > 500) }`,
    document: json(LOG),
  },
  {
    name: "Groups and sums of a larger document",
    program: `group_by(.station)
| map({ station: .[0].station,
        readings: length,
        wind: (map(.wind) | max),
        grains: (map(.grains) | add) })`,
    document: `[\n${READINGS.map((reading) => "  " + JSON.stringify(reading)).join(",\n")}\n]`,
  },
  {
    name: "A mistake in the program",
    program: `.items
| map(.price * .quantity)
| summ`,
    document: json(ORDER),
  },
  {
    name: "A mistake in the document",
    program: ".name",
    document: `{\n  "name": "Ada Marram",\n  "place": 'the dunes'\n}`,
  },
  {
    name: "A program without an end",
    program: "# The box has a lid: this is stopped, and the page stays alive.\nlast(repeat(.))",
    document: "1",
  },
  {
    name: "A program that wants all memory",
    program: "# The region is all there is: it ends, and the next run has a new instance.\n[range(100000000)] | length",
    document: "null",
  },
];
