import { AuthenticationError, AuthentikError, ConnectionError, WrongAddressError } from "../authentik/errors";

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

/**
 * Like {@link forUser}, for steps that run also where the program does not, in `pulumi refresh` and `pulumi destroy`. There the engine
 * gives the settings that the last `pulumi up` wrote into the state, which the user may have changed since.
 */
export async function forUserWithStoredSettings<T>(step: () => Promise<T>): Promise<T> {
  return await forUser(async () => {
    try {
      return await step();
    } catch (error) {
      const isOfSettings =
        error instanceof AuthenticationError || error instanceof ConnectionError || error instanceof WrongAddressError;
      if (!isOfSettings) throw error;
      const hint =
        "If the settings were changed just now: a refresh and a destroy use those of the last `pulumi up`, and with --run-program the new ones.";
      throw new UserError(`${error.message} ${hint}`, { cause: error });
    }
  });
}
