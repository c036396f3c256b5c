// @ts-check
/**
 * Finds secrets in output: tokens, the pks of invitations (a link contains the pk), and what tests declare as secrets (./canary.ts), in any spelling
 * and in base64. Collects everything that looks like one, and compares at the end, because an output may arrive before the process that issued the secret has recorded it.
 */

/** The registry of the embedded authentik in this JavaScript realm: see sandbox/secrets.ts. */
const issuedSecrets = Symbol.for("authentik.issuedSecrets");

/** Names the folder in which processes record the secrets that they issue. Not `AUTHENTIK_…` or `PULUMI_…`, which some tests remove. */
const folderVariable = "EMBEDDED_AUTHENTIK_SECRETS";

/** A UUID with dashes, or at least as many hexadecimal digits as one has. */
const candidatePattern = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32,}/gi;
const pkDigits = 32;

/** Base64 of at least as many bytes as a pk has digits. */
const base64Pattern = /[\w+/-]{42,}/g;

/** @param {string} secret */
function normalize(secret) {
  return secret.replaceAll("-", "").toLowerCase();
}

/** What was printed or written, reduced to the strings that may be secrets, each with the place where it first occurred. */
class SearchedOutput {
  /** @type {Map<string, string>} */
  #candidates = new Map();

  /**
   * @param {string} source where the text was found, for the report
   * @param {string} text
   */
  add(source, text) {
    this.#addCandidates(source, text);
    for (const [run] of text.matchAll(base64Pattern)) {
      // The secret may start within a group of four characters.
      for (const start of [0, 1, 2, 3])
        this.#addCandidates(source, Buffer.from(run.slice(start), "base64").toString("latin1"));
    }
  }

  /**
   * @param {string} source
   * @param {string} text
   */
  #addCandidates(source, text) {
    for (const [candidate] of text.matchAll(candidatePattern)) {
      const key = normalize(candidate);
      if (!this.#candidates.has(key)) this.#candidates.set(key, source.replaceAll(candidatePattern, "…"));
    }
  }

  /**
   * Returns where secrets occur, without the secrets.
   * @param {Iterable<string>} secrets
   */
  find(secrets) {
    const issued = new Set([...secrets].map(normalize));
    const sources = [...this.#candidates].flatMap(([candidate, source]) =>
      issued.has(candidate) || containsPk(candidate, issued) ? [source] : [],
    );
    return [...new Set(sources)];
  }
}

/**
 * Whether a longer string of digits contains a pk.
 * @param {string} candidate
 * @param {ReadonlySet<string>} issued
 */
function containsPk(candidate, issued) {
  for (let start = 0; start + pkDigits <= candidate.length; start++) {
    if (issued.has(candidate.slice(start, start + pkDigits))) return true;
  }
  return false;
}

/** @param {readonly string[]} sources */
function formatLeak(sources) {
  const list = sources.map((source) => `  ${source}`).join("\n");
  return `A token, an invitation's pk or a value that a test declares as a secret was found in:\n${list}`;
}

module.exports = { folderVariable, formatLeak, issuedSecrets, SearchedOutput };
