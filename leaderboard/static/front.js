// The front: points that no other point beats in one direction without losing in the other.
"use strict";
weighbridge.front = (points, xBetter, yBetter) => {
  const [sx, sy] = [xBetter === "higher" ? -1 : 1, yBetter === "higher" ? -1 : 1];
  const order = [...points].sort((a, b) => sx * (a.x - b.x) || sy * (a.y - b.y));
  let best = Infinity;
  return order.filter((point) => {
    if (sy * point.y >= best) return false;
    best = sy * point.y;
    return true;
  });
};
