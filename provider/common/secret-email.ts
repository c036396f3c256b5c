/**
 * The hidden input that says that the program declares `email` as a secret. Pulumi passes secrets to the provider process as plain values, and its
 * messages and `emailedTo` must not reveal the addresses.
 */
export const secretEmailInput = "__secretEmail";
