// Where a request comes from. What proxies say of it counts only as far as they are trusted: from the
// right, the nearest first, because everything to the left of a stranger may be made up by that stranger.
import ipaddr from 'ipaddr.js';

/** A provider gives each of its customers a whole network of this size. */
const ipv6NetworkBits = 64;
const hopsMax = 32;

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Range = readonly [Address, number];
/** What a server tells of its connections. */
type Connections = {
  readonly requestIP: (request: Request) => { readonly address: string } | null;
};

export type Addresses = ReturnType<typeof createAddresses>;

/** @param trustedProxies Networks in CIDR notation, or single addresses. */
export function createAddresses(trustedProxies: readonly string[]) {
  const trusted = trustedProxies.map(parseRange);
  const isTrusted = (address: Address) => trusted.some((range) => isWithin(address, range));

  /** Noted on a request's way in: once it is answered, its connection may be another's. */
  const peers = new WeakMap<Request, string>();

  function addressOf(request: Request): Address | undefined {
    let nearest = parse(peers.get(request));
    if (trusted.length === 0 || !nearest || !isTrusted(nearest)) return nearest;
    const hops = (request.headers.get('x-forwarded-for') ?? '').split(',').slice(-hopsMax);
    for (const hop of hops.toReversed()) {
      const address = parse(hop.trim());
      if (!address) return nearest;
      nearest = address;
      if (!isTrusted(address)) return nearest;
    }
    return nearest;
  }

  return {
    note(request: Request, server: Connections | null): void {
      const peer = server?.requestIP(request)?.address;
      if (peer !== undefined) peers.set(request, peer);
    },

    /** The address of the client; empty where there is none, as over a socket file. */
    of: (request: Request): string => addressOf(request)?.toString() ?? '',

    /** What limits count by: an IPv4 address, or the network of an IPv6 address. */
    networkOf(request: Request): string {
      const address = addressOf(request);
      if (address?.kind() !== 'ipv6') return address?.toString() ?? '';
      const network = ipaddr.IPv6.networkAddressFromCIDR(
        `${address.toString()}/${ipv6NetworkBits}`,
      );
      return `${network.toString()}/${ipv6NetworkBits}`;
    },
  };
}

/** Whether text is a network in CIDR notation or a single address. */
export function isNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const parsed = parse(address);
  if (!parsed || rest.length > 0) return false;
  if (bits === undefined) return true;
  return /^\d{1,3}$/.test(bits) && Number(bits) <= (parsed.kind() === 'ipv4' ? 32 : 128);
}

function parseRange(text: string): Range {
  const [address = '', bits] = text.split('/');
  const parsed = parse(address)!;
  return [parsed, bits === undefined ? parsed.toByteArray().length * 8 : Number(bits)];
}

/** Plain notations only; an IPv4 address within IPv6 is the IPv4 address. */
function parse(text: string | undefined): Address | undefined {
  if (text === undefined) return undefined;
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text);
  return text.includes(':') && ipaddr.IPv6.isValid(text) ? ipaddr.process(text) : undefined;
}

function isWithin(address: Address, [network, bits]: Range): boolean {
  return address.kind() === network.kind() && address.match(network as never, bits);
}
