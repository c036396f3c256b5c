import { AuthentikError } from "../authentik/errors";

/**
 * A failure that its reader can mend: a setting, a name that is taken, an object that is gone. It carries no stack: the SDK prints
 * the stack of what check, diff, read and delete throw, and of ours it would tell the user nothing.
 */
export class UserError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "Error";
    this.stack = "";
  }
}

/** Runs a step of a resource's life. What is meant for the user leaves without a stack, a fault of ours with it. */
export async function forUser<T>(step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    throw error instanceof AuthentikError ? new UserError(error.message, { cause: error }) : error;
  }
}
