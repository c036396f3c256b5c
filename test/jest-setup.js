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
