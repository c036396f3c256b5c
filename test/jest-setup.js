// nock 15 calls Promise.withResolvers, which Node.js has since version 22.
Promise.withResolvers ??= () => {
  let resolve;
  let reject;
  const promise = new Promise((resolvePromise, rejectPromise) => {
    resolve = resolvePromise;
    reject = rejectPromise;
  });
  return { promise, resolve, reject };
};

// Tests that send requests run what ships: they import the bundle.
jest.mock("../provider/authentik/transport", () => ({
  ...jest.requireActual("../provider/authentik/transport"),
  Transport: class {
    constructor() {
      throw new Error(
        "This test sends requests from the sources. Import the package or test/bundle-internals instead.",
      );
    }
  },
}));
