/* Looks at a page as a strict reader would, and returns what is wrong with it. Run by tests/e2e/test_looks.py.
   `arguments[0]`: the smallest type allowed, in px. Returns {scroll: [right, down] in px beyond the window, small: {element:
   text}, pale: {element: "ratio text"} below 4.5:1, outside: [element that leaves the window and that nothing cuts off]}. */
const floor = arguments[0];
const SHIFT = 3; // the wall stands up to 2 px aside, against burning in; its edge is empty

const channels = (colour) => {
  const rgb = colour.match(/rgba?\(([^)]+)\)/), srgb = colour.match(/color\(srgb ([^)]+)\)/);
  if (!rgb && !srgb) return null;
  const [r, g, b, a = 1] = (rgb || srgb)[1].split(/[ ,/]+/).map(Number);
  return srgb ? [r * 255, g * 255, b * 255, a] : [r, g, b, a];
};
const luminance = (c) => [0.2126, 0.7152, 0.0722].reduce((sum, weight, i) => sum + weight * (c[i] / 255 <= 0.04045 ? c[i] / 255 / 12.92 : ((c[i] / 255 + 0.055) / 1.055) ** 2.4), 0);
const contrast = (one, other) => {
  const [bright, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (bright + 0.05) / (dark + 0.05);
};
const onto = (front, back) => [0, 1, 2].map((i) => front[i] * front[3] + back[i] * (1 - front[3]));

function ground(node) {
  const layers = [];
  for (let n = node; n; n = n.parentElement) {
    const c = channels(getComputedStyle(n).backgroundColor);
    if (c && c[3]) layers.push(c);
    if (c && c[3] === 1) break;
  }
  return layers.reduceRight((below, c) => onto(c, below), [0, 0, 0]);
}

const called = (n) => `${n.tagName.toLowerCase()}.${String(n.className.baseVal ?? n.className).trim().replace(/\s+/g, ".")}`;
const cuts = (n) => { const s = getComputedStyle(n); return s.overflowX !== "visible" || s.overflowY !== "visible"; };
const found = { scroll: [document.documentElement.scrollWidth - innerWidth, document.documentElement.scrollHeight - innerHeight], small: {}, pale: {}, outside: [], texts: 0 };

const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
  const text = walk.currentNode.textContent.trim(), node = walk.currentNode.parentElement;
  if (!text || node.closest("script, style, template, noscript, .visually-hidden") || !node.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
  const style = getComputedStyle(node), range = document.createRange();
  range.selectNodeContents(walk.currentNode);
  const box = range.getBoundingClientRect();
  if (!box.width || node.closest(".order :is(.row-sub, .row-state)")) continue; // said to those who cannot see the steps
  found.texts++;
  if (parseFloat(style.fontSize) < floor - 0.05) found.small[called(node)] = `${style.fontSize} ${text.slice(0, 20)}`;
  const ink = channels(node instanceof SVGElement ? style.fill : style.color), paper = ground(node);
  if (!ink || node.closest(":disabled, .digit")) continue; // the digit of a severity stands on its shape (test_tokens.py)
  const ratio = contrast(onto(ink, paper), paper);
  if (ratio < 4.5) found.pale[called(node)] = `${ratio.toFixed(2)} ${text.slice(0, 20)}`;
}

for (const node of document.querySelectorAll("body *")) {
  if (node.closest(".leaflet-container, .visually-hidden, svg") || !node.checkVisibility({ visibilityProperty: true })) continue;
  const box = node.getBoundingClientRect();
  if (box.width < 1 || box.height < 1 || (box.left >= -SHIFT && box.top >= -SHIFT && box.right <= innerWidth + SHIFT && box.bottom <= innerHeight + SHIFT)) continue;
  let parent = node.parentElement;
  while (parent && parent !== document.body && !cuts(parent)) parent = parent.parentElement;
  if (!parent || parent === document.body) found.outside.push(`${called(node)} ${[box.left, box.top, box.right, box.bottom].map(Math.round)}`);
}
return found;
