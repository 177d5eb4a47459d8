"""Accessibility checks of pages by axe-core."""

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

# Most of axe-core's time goes into the contrast of texts in rows that are alike, so a few of them stand for the rest.
# Alike: the same elements with the same classes, roles, states and attributes, each attribute with a value or empty.
# The first two stay, which would share an ID, and the last, whose border may differ.
RUN = """async () => {
  const VALUES = new Set(["class", "style", "role", "type", "lang", "tabindex"]);
  const NAMES = new Set(["aria-label", "aria-labelledby", "aria-describedby", "aria-controls", "aria-owns"]);
  const numbers = new Map();
  const described = ({ name, value }) =>
    VALUES.has(name) || (name.startsWith("aria-") && !NAMES.has(name)) ? `${name}=${value}` : `${name}:${value !== ""}`;
  const away = [];
  function shape(element) {
    const attributes = [...element.attributes].map(described).sort().join();
    const says = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    const opaque = element.matches("svg, select");
    const children = opaque ? [] : [...element.children].map((child) => [child, shape(child)]);
    const alike = Map.groupBy(children, ([, number]) => number);
    for (const same of alike.values()) away.push(...same.slice(2, -1).map(([child]) => child));
    const text = `${element.tagName} ${attributes} ${says} ${[...alike.keys()].sort()}`;
    if (!numbers.has(text)) numbers.set(text, numbers.size);
    return numbers.get(text);
  }
  shape(document.body);
  const marks = away.map((element) => {
    const mark = document.createComment("");
    element.replaceWith(mark);
    return [mark, element];
  });
  const { violations } = await axe.run({ resultTypes: ["violations"] });
  for (const [mark, element] of marks.reverse()) mark.replaceWith(element);
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => [id, target.join(" "), failureSummary]));
}"""


def violations(page: Page) -> list[str]:
    """What axe-core finds on the page as it is now: rule, element and reason of each, none if all is well."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    return [f"{rule}: {target}: {' '.join(why.split())}" for rule, target, why in page.evaluate(RUN)]
