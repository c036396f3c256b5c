// @ts-check
/**
 * jest's environment for all tests of this project. At the end of each test file it searches the output of every process that the file started,
 * and every state and stack configuration that these processes wrote, for secrets that an embedded authentik issued. It fails the file if it finds one.
 */
const childProcess = require("node:child_process");
const { appendFileSync, readdirSync, readFileSync, statSync } = require("node:fs");
const { basename, join } = require("node:path");
const { TestEnvironment } = require("jest-environment-node");
const { folderVariable, formatLeak, issuedSecrets, SearchedOutput } = require("./search");

/** Commands whose purpose is to print secrets. */
const printsSecrets = [/(^| )--show-secrets( |$)/, /(^| )--commands( |$)/, /\/(demo|sandbox)\/main\.(js( |$)|ts")/];

let fileCount = 0;

class SecrecyEnvironment extends TestEnvironment {
  #output = new SearchedOutput();
  /** @type {Set<string>} */
  #secrets = new Set();
  /** Read files, with their time of modification. @type {Map<string, number>} */
  #searchedFiles = new Map();
  /** Adds the output of processes that have not ended. @type {Set<() => void>} */
  #flushes = new Set();
  /** @type {() => void} */
  #restore = () => {};

  async setup() {
    await super.setup();
    Object.defineProperty(this.global, issuedSecrets, { value: this.#secrets });
    this.#restore = this.#watchProcesses();
  }

  async teardown() {
    this.#restore();
    for (const flush of this.#flushes) flush();
    const folder = process.env[folderVariable];
    if (folder !== undefined && this.#secrets.size > 0) {
      // For the reporter, which searches what the tests themselves print.
      fileCount += 1;
      appendFileSync(join(folder, `${process.pid}-${fileCount}.tests`), `${[...this.#secrets].join("\n")}\n`);
    }
    const leaks = this.#output.find([...this.#secrets, ...readChildSecrets(folder)]);
    await super.teardown();
    if (leaks.length > 0) throw new Error(formatLeak(leaks));
  }

  /** Records the output of all processes that are started. Returns a function that ends this. */
  #watchProcesses() {
    const { spawnSync, execFileSync } = childProcess;
    const prototype = childProcess.ChildProcess.prototype;
    const spawn = prototype.spawn;
    const environment = this;
    /** @this {import("node:child_process").ChildProcess} @param {any} options */
    prototype.spawn = function (options) {
      const result = Reflect.apply(spawn, this, [options]);
      environment.#watch(this, options);
      return result;
    };
    childProcess.spawnSync = /** @type {any} */ (
      (/** @type {any[]} */ ...args) => {
        const result = Reflect.apply(spawnSync, childProcess, args);
        this.#addSync(args, [result.stdout, result.stderr]);
        return result;
      }
    );
    childProcess.execFileSync = /** @type {any} */ (
      (/** @type {any[]} */ ...args) => {
        const stdout = Reflect.apply(execFileSync, childProcess, args);
        this.#addSync(args, [stdout]);
        return stdout;
      }
    );
    return () => Object.assign(prototype, { spawn }) && Object.assign(childProcess, { spawnSync, execFileSync });
  }

  /**
   * @param {import("node:child_process").ChildProcess} child
   * @param {{ file: string, args?: string[], envPairs?: string[], cwd?: string }} options
   */
  #watch(child, { file, args = [], envPairs = [], cwd = process.cwd() }) {
    const command = [basename(file), ...args.slice(1)].join(" ");
    const collected = [child.stdout, child.stderr].map((stream) => collect(stream));
    const flush = () => {
      if (!this.#flushes.delete(flush)) return;
      for (const chunks of collected) this.#addOutput(command, Buffer.concat(chunks).toString());
    };
    this.#flushes.add(flush);
    child.once("close", flush);
    // Before the test removes them.
    child.once("exit", () => this.#addFiles(command, envPairs, cwd));
  }

  /**
   * @param {readonly any[]} call
   * @param {readonly (string | Buffer | null)[]} streams
   */
  #addSync([file, args], streams) {
    const command = [basename(file), ...(Array.isArray(args) ? args : [])].join(" ");
    for (const text of streams) if (text) this.#addOutput(command, text.toString());
  }

  /**
   * @param {string} command
   * @param {string} text
   */
  #addOutput(command, text) {
    if (!printsSecrets.some((pattern) => pattern.test(command))) {
      this.#output.add(`the output of ${command.slice(0, 200)}`, text);
    }
  }

  /**
   * Adds the states in a file backend, and the stack configurations, plans and the GitOps kit's comments (see test/gitops/pipeline.ts) in the folder
   * in which Pulumi ran.
   * @param {string} command
   * @param {readonly string[]} envPairs
   * @param {string} cwd
   */
  #addFiles(command, envPairs, cwd) {
    const prefix = "PULUMI_BACKEND_URL=file://";
    const backend = envPairs.find((pair) => pair.startsWith(prefix))?.slice(prefix.length);
    if (backend === undefined) return;
    const states = list(join(backend, ".pulumi"), true);
    const configurations = list(cwd, false).filter((path) =>
      /^(Pulumi\..+\.yaml|posts\.json|plan.*\.json)$/.test(basename(path)),
    );
    for (const path of [...states, ...configurations]) {
      try {
        const { mtimeMs } = statSync(path);
        if (this.#searchedFiles.get(path) === mtimeMs) continue;
        this.#searchedFiles.set(path, mtimeMs);
        this.#output.add(`${path}, after ${command.slice(0, 200)}`, readFileSync(path, "utf8"));
      } catch {
        // A folder, or removed by another process.
      }
    }
  }
}

/**
 * Collects the chunks of a stream without consuming them.
 * @param {import("node:stream").Readable | null | undefined} stream
 * @returns {Buffer[]}
 */
function collect(stream) {
  /** @type {Buffer[]} */
  const chunks = [];
  if (!stream) return chunks;
  const push = stream.push.bind(stream);
  stream.push = (chunk, encoding) => {
    if (chunk !== null) chunks.push(Buffer.from(chunk));
    return push(chunk, encoding);
  };
  return chunks;
}

/**
 * @param {string} folder
 * @param {boolean} recursive
 * @returns {string[]}
 */
function list(folder, recursive) {
  try {
    return readdirSync(folder, { recursive, encoding: "utf8" }).map((name) => join(folder, name));
  } catch {
    return [];
  }
}

/**
 * The secrets of embedded authentiks in child processes, such as the demo.
 * @param {string | undefined} folder
 */
function readChildSecrets(folder) {
  if (folder === undefined) return [];
  return list(folder, false)
    .filter((path) => path.endsWith(".child"))
    .flatMap((path) => readFileSync(path, "utf8").split("\n"))
    .filter((secret) => secret !== "");
}

module.exports = SecrecyEnvironment;
