export type OnError = (error: unknown) => void;

/** The same function, except that what it throws, at once or by a promise, goes to `onError`. */
export function guarded<Args extends readonly unknown[]>(
  call: (...args: Args) => unknown,
  onError: OnError,
): (...args: Args) => void {
  return (...args) => {
    try {
      void Promise.resolve(call(...args)).catch(onError);
    } catch (error) {
      onError(error);
    }
  };
}
