/** @type {import("jest").Config} */
module.exports = {
  // Both search all output of the tests for secrets.
  testEnvironment: "<rootDir>/test/secrecy/environment.js",
  reporters: ["<rootDir>/test/secrecy/reporter.js", "default"],
  testMatch: ["<rootDir>/test/**/*.test.ts"],
  maxWorkers: 2,
  setupFiles: ["<rootDir>/test/jest-setup.js"],
  transform: {
    "^.+\\.[mc]?[jt]s$": [
      "@swc/jest",
      { jsc: { target: "es2022", parser: { syntax: "typescript" } }, module: { type: "commonjs" } },
    ],
  },
  // nock 15 and its dependencies are published only as ES modules, which jest cannot load.
  transformIgnorePatterns: [
    "/node_modules/(?!(nock|@mswjs/interceptors|@open-draft|outvariant|rettime|is-node-process)/)",
  ],
  // Dynamic imports name the compiled file. Maps them to the source.
  moduleNameMapper: { "^(\\.{1,2}/(?:lifecycle|authentik)/.*)\\.js$": "$1" },
  modulePathIgnorePatterns: ["<rootDir>/dist", "<rootDir>/build"],
};
