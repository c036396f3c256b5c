const { default: Sequencer } = require("@jest/test-sequencer");

/** Start with these, so that no worker runs a slow file alone at the end. jest knows how long a file takes only if its cache is kept. */
const slowestFirst = [
  "failures/",
  "engine/plugin",
  "live/",
  "package/package",
  "examples/examples",
  "commands/recover",
  "engine/failures",
  "engine/enrollment",
  "engine/",
  "demo/",
  "examples/",
  "gitops/",
  "life/",
];

/** @param {{ path: string }} test */
function rank({ path }) {
  const index = slowestFirst.findIndex((start) => path.replaceAll("\\", "/").includes(`/test/${start}`));
  return index === -1 ? slowestFirst.length : index;
}

class SlowestFirst extends Sequencer {
  /** @param {readonly import("@jest/test-result").Test[]} tests */
  async sort(tests) {
    return [...(await super.sort(tests))].sort((a, b) => rank(a) - rank(b));
  }
}

module.exports = SlowestFirst;
