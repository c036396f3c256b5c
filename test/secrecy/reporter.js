// @ts-check
/**
 * Searches what jest and the tests print for secrets that an embedded authentik issued, and fails the run if it finds one. Must be the first
 * reporter, because jest's own keeps the streams that it finds. (./environment.js searches the output of child processes, and states.)
 */
const { mkdtempSync, readdirSync, readFileSync, rmSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { folderVariable, formatLeak, SearchedOutput } = require("./search");

class SecrecyReporter {
  /** @type {string[]} */
  #printed = [];
  /** @type {Error | undefined} */
  #error;
  #folder = mkdtempSync(join(tmpdir(), "issued-secrets-"));

  constructor() {
    // Inherited by jest's workers and by the processes that tests start.
    process.env[folderVariable] = this.#folder;
    process.once("exit", () => rmSync(this.#folder, { recursive: true, force: true }));
    for (const stream of [process.stdout, process.stderr]) {
      const write = stream.write.bind(stream);
      stream.write = /** @type {any} */ (
        (/** @type {string | Uint8Array} */ chunk, /** @type {any[]} */ ...args) => {
          this.#printed.push(typeof chunk === "string" ? chunk : Buffer.from(chunk).toString());
          return write(chunk, ...args);
        }
      );
    }
  }

  /**
   * @param {unknown} _contexts
   * @param {{ numFailedTests: number, numRuntimeErrorTestSuites: number }} results
   */
  onRunComplete(_contexts, { numFailedTests, numRuntimeErrorTestSuites }) {
    // The report of a failed assertion may contain anything.
    if (numFailedTests > 0 || numRuntimeErrorTestSuites > 0) return;
    const output = new SearchedOutput();
    output.add("the output of jest", this.#printed.join(""));
    const secrets = readdirSync(this.#folder).flatMap((name) =>
      readFileSync(join(this.#folder, name), "utf8")
        .split("\n")
        .filter((secret) => secret !== ""),
    );
    const leaks = output.find(secrets);
    if (leaks.length === 0) return;
    this.#error = new Error(formatLeak(leaks));
    // jest only fails.
    process.stderr.write(`${this.#error.message}\n`);
  }

  getLastError() {
    return this.#error;
  }
}

module.exports = SecrecyReporter;
