/** Returns the error that a promise rejects with. Throws if it resolves. */
export async function catchError(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
  throw new Error("Expected the promise to reject, but it resolved.");
}
