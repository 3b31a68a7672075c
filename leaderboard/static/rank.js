// Ranks over the ticked tasks, by the rule of leaderboard/ranking.py: rows are in the order in which they are to stand
// within a rank, and each has its rank on every task: -1 where it does not take part, null where nothing is tested.
"use strict";
weighbridge.rank = (ranks, count) => {
  const rows = Array.from({ length: count }, (_, row) => row).filter((row) => ranks.length && ranks.every((of) => of[row] !== -1));
  const tested = ranks.filter((of) => rows.some((row) => of[row] !== null));
  const own = new Map();
  for (const row of rows) {
    const found = tested.map((of) => of[row]);
    if (found.length && !found.includes(null)) own.set(row, found);
  }
  const mean = (row) => own.get(row).reduce((sum, rank) => sum + rank, 0) / tested.length;
  const precedes = (a, b) => a.every((rank, task) => rank <= b[task]) && a.some((rank, task) => rank < b[task]);
  let waiting = rows.filter((row) => own.has(row)).sort((a, b) => mean(a) - mean(b) || a - b);
  const places = new Map();
  const order = [];
  while (waiting.length) {
    const leader = own.get(waiting[0]);
    const group = new Set(waiting.filter((row) => !precedes(leader, own.get(row))));
    for (const row of rows) if (group.has(row)) places.set(row, 1 + order.length);
    order.push(...rows.filter((row) => group.has(row)));
    waiting = waiting.filter((row) => !group.has(row));
  }
  return { order: [...order, ...rows.filter((row) => !places.has(row))], places };
};
