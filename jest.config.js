/** @type {import("jest").Config} */
module.exports = {
  // Both search all output of the tests for secrets.
  testEnvironment: "<rootDir>/test/secrecy/environment.js",
  reporters: ["<rootDir>/test/secrecy/reporter.js", "default"],
  testMatch: ["<rootDir>/test/**/*.test.ts"],
  // One more than the cores of CI, because tests also wait for delays and timeouts.
  maxWorkers: 3,
  testSequencer: "<rootDir>/test/sequencer.js",
  globalSetup: "<rootDir>/scripts/bundle.mjs",
  setupFiles: ["<rootDir>/test/jest-setup.js"],
  transform: {
    "^.+\\.[mc]?[jt]s$": [
      "@swc/jest",
      { jsc: { target: "es2022", parser: { syntax: "typescript" } }, module: { type: "commonjs" } },
    ],
  },
  // These packages are published only as ES modules, which jest cannot load: nock 15, slugify and p-limit with their dependencies.
  transformIgnorePatterns: [
    "/node_modules/(?!(nock|@mswjs/interceptors|@open-draft|outvariant|rettime|is-node-process|@sindresorhus|p-limit|yocto-queue|escape-string-regexp)/)",
  ],
  moduleNameMapper: {
    // Dynamic imports name the compiled file. Maps them to the source.
    "^(\\.{1,2}/(?:objects|lifecycle|authentik|values)/.*)\\.js$": "$1",
    "^(?:\\.\\./)+bundle-internals$": "<rootDir>/dist/bundle-internals.js",
  },
  modulePathIgnorePatterns: ["<rootDir>/dist", "<rootDir>/build"],
};
