// Runs axe-core on the page as it is now. `known` are the styles of texts whose contrast was enough on earlier pages.
// Gives what it found (rule, element, reason) and the styles of the texts that it looked at; null without axe-core.
async (known) => {
  if (!("axe" in window)) return null;
  // Rows that are alike: a few of them stand for the rest.
  // Alike: the same elements with the same classes, roles, states and attributes, each attribute with a value or empty.
  // The first two stay, which would share an ID, and the last, whose border may differ.
  const VALUES = new Set(["class", "style", "role", "type", "lang", "tabindex"]);
  const NAMES = new Set(["aria-label", "aria-labelledby", "aria-describedby", "aria-controls", "aria-owns"]);
  const numbers = new Map();
  const described = ({ name, value }) =>
    VALUES.has(name) || (name.startsWith("aria-") && !NAMES.has(name)) ? `${name}=${value}` : `${name}:${value !== ""}`;
  const says = (element) =>
    [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
  const away = [];
  function shape(element) {
    const attributes = [...element.attributes].map(described).sort().join();
    const opaque = element.matches("svg, select");
    const children = opaque ? [] : [...element.children].map((child) => [child, shape(child)]);
    const alike = Map.groupBy(children, ([, number]) => number);
    for (const same of alike.values()) away.push(...same.slice(2, -1).map(([child]) => child));
    const text = `${element.tagName} ${attributes} ${says(element)} ${[...alike.keys()].sort()}`;
    if (!numbers.has(text)) numbers.set(text, numbers.size);
    return numbers.get(text);
  }

  // Most of axe-core's time goes into the contrast of texts, which is the same for texts that have the same colors,
  // size and weight in front of the same backgrounds: it looks at one of each style.
  const BEHIND = ["background-color", "background-image", "opacity", "filter", "mix-blend-mode", "clip-path", "position"];
  const TEXT = ["color", "font-size", "font-weight", "text-shadow", "-webkit-text-stroke-width"];
  const NOTHING = "rgba(0, 0, 0, 0),none,1,none,normal,none,static";
  const hashes = new Map();
  function hash(text) {
    if (!hashes.has(text)) {
      let [one, two] = [0x9e3779b9, 0x85ebca6b];
      for (let at = 0; at < text.length; at++) {
        one = Math.imul(one ^ text.charCodeAt(at), 0x01000193);
        two = Math.imul(two ^ text.charCodeAt(at), 0x5bd1e995);
        two ^= two >>> 15;
      }
      hashes.set(text, (one >>> 0).toString(36) + (two >>> 0).toString(36));
    }
    return hashes.get(text);
  }
  const computed = (element, names) => {
    const style = getComputedStyle(element);
    return names.map((name) => style.getPropertyValue(name)).join();
  };
  const behind = new Map([[null, ""]]);
  function behindOf(element) {
    if (!behind.has(element)) {
      const own = computed(element, BEHIND);
      const before = behindOf(element.parentElement);
      behind.set(element, own === NOTHING ? before : hash(before + hash(own)));
    }
    return behind.get(element);
  }
  const FORM = "input, select, textarea, button";
  const DISABLED = ":disabled, [aria-disabled=true]";
  const modal = document.querySelector(":modal");
  function canBeRead(element) {
    if (!element.checkVisibility({ contentVisibilityAuto: true, opacityProperty: true, visibilityProperty: true }))
      return false;
    if (modal && !modal.contains(element)) return false;
    const { left, top, right, bottom, width, height } = element.getBoundingClientRect();
    if (width < 2 || height < 2 || left < 0 || top + scrollY < 0) return false;
    const front = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
    return !front || front.contains(element) || element.contains(front);
  }
  const seen = new Set();
  const MARK = "data-contrast-is-known";
  function mark(element) {
    if (!element.matches(FORM) && !says(element)) return element.setAttribute(MARK, "");
    const disabled = Boolean(element.closest(DISABLED) || element.closest("label")?.control?.disabled);
    const style = hash(`${behindOf(element)} ${hash(computed(element, TEXT))} ${disabled}`);
    if (known.has(style) || seen.has(style)) element.setAttribute(MARK, "");
    else if (canBeRead(element)) seen.add(style);
  }

  known = new Set(known.split(" "));
  shape(document.body);
  const places = away.map((element) => {
    const place = document.createComment("");
    element.replaceWith(place);
    return [place, element];
  });
  for (const element of document.body.querySelectorAll("*")) mark(element);
  axe.configure({ rules: [{ id: "color-contrast", selector: `:not([${MARK}])` }] });
  const { violations } = await axe.run({ resultTypes: ["violations"] });
  for (const element of document.querySelectorAll(`[${MARK}]`)) element.removeAttribute(MARK);
  for (const [place, element] of places.reverse()) place.replaceWith(element);
  const found = violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => [id, target.join(" "), failureSummary]));
  return [found, [...seen].join(" ")];
}
