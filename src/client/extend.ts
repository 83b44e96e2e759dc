type Part = Readonly<Record<string, unknown>>;
type Parts = Readonly<Record<string, unknown>>;

/** Adds to Eden's client, whose every property is a path: what is named here is ours, the rest stays its. */
export function extend<Api extends object, const Own extends Parts>(api: Api, own: Own): Api & Own {
  return withOwn(api, own, (name, value) =>
    typeof value === 'object' ? withOwn(Reflect.get(api, name) as object, value as Part) : value,
  ) as Api & Own;
}

function withOwn(
  api: object,
  own: Part,
  present: (name: string, value: unknown) => unknown = (_, value) => value,
): object {
  return new Proxy(api, {
    get(target, name, receiver) {
      if (typeof name === 'string' && Object.hasOwn(own, name)) return present(name, own[name]);
      return Reflect.get(target, name, receiver);
    },
  });
}
