import { describe, expect, test } from 'bun:test';
import { createAddresses, isNetwork } from './addresses.ts';

function addressOf(peer: string, forwarded?: string, ...trusted: string[]) {
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
  const request = new Request('http://localhost/', { headers });
  const addresses = createAddresses(trusted);
  addresses.note(request, { requestIP: () => ({ address: peer }) });
  return addresses.of(request);
}

function networkOf(peer: string) {
  const addresses = createAddresses([]);
  const request = new Request('http://localhost/');
  addresses.note(request, { requestIP: () => ({ address: peer }) });
  return addresses.networkOf(request);
}

describe('the address of a client', () => {
  test.each([
    ['without a proxy that is trusted', '203.0.113.9', '10.1.1.1', []],
    [
      'of a stranger who says to have passed something on',
      '203.0.113.9',
      '1.1.1.1',
      ['10.0.0.0/8'],
    ],
    ['of a proxy that says nothing', '203.0.113.9', undefined, ['203.0.113.9']],
    ['of a proxy that says nonsense', '203.0.113.9', 'unknown', ['203.0.113.9']],
  ] as const)('is that of its connection: %s', (_, peer, forwarded, trusted) => {
    expect(addressOf(peer, forwarded, ...trusted)).toBe(peer);
  });

  test.each([
    ['198.51.100.7', '198.51.100.7'],
    ['1.1.1.1, 198.51.100.7', '198.51.100.7'],
    ['1.1.1.1,198.51.100.7, 10.0.0.2', '198.51.100.7'],
    ['nonsense, 198.51.100.7', '198.51.100.7'],
    ['198.51.100.7, nonsense, 10.0.0.2', '10.0.0.2'],
    ['10.0.0.3, 10.0.0.2', '10.0.0.3'],
    ['2001:db8::7', '2001:db8::7'],
    ['::ffff:198.51.100.7', '198.51.100.7'],
    ['0x7f.1', '10.0.0.1'],
    ['198.51.100.7:4711', '10.0.0.1'],
  ])('is read from the right: %s', (forwarded, address) => {
    expect(addressOf('10.0.0.1', forwarded, '10.0.0.0/8')).toBe(address);
  });

  test('is found behind proxies of either kind of address', () => {
    expect(addressOf('::ffff:10.0.0.1', '198.51.100.7', '10.0.0.0/8')).toBe('198.51.100.7');
    expect(addressOf('fd00::1', '198.51.100.7', '10.0.0.0/8', 'fd00::/8')).toBe('198.51.100.7');
    expect(addressOf('fd00::1', '198.51.100.7', '10.0.0.0/8')).toBe('fd00::1');
  });

  test('is none where the connection has none', () => {
    const request = new Request('http://localhost/');
    for (const server of [{ requestIP: () => null }, null]) {
      const addresses = createAddresses([]);
      addresses.note(request, server);
      expect([addresses.of(request), addresses.networkOf(request)]).toEqual(['', '']);
    }
  });
});

describe('the network that is counted', () => {
  test('is one for all addresses that a customer of a provider has', () => {
    const home = ['2001:db8:1:2::1', '2001:db8:1:2:ffff::', '2001:0DB8:1:2:3:4:5:6'].map(networkOf);
    expect(new Set(home)).toEqual(new Set(['2001:db8:1:2::/64']));
    expect(networkOf('2001:db8:1:3::1')).toBe('2001:db8:1:3::/64');
  });

  test('is the address itself where it is IPv4, also within IPv6', () => {
    expect(networkOf('198.51.100.7')).toBe('198.51.100.7');
    expect(networkOf('::ffff:198.51.100.7')).toBe('198.51.100.7');
  });
});

test.each([
  ['10.0.0.0/8', true],
  ['10.1.2.3', true],
  ['fd00::/8', true],
  ['::1', true],
  ['10.0.0.0/33', false],
  ['fd00::/129', false],
  ['10.0.0.0/8/8', false],
  ['10.0.0/8', false],
  ['proxy.example', false],
  ['10.0.0.0/', false],
  ['', false],
])('whether %p is a network: %p', (text, expected) => {
  expect(isNetwork(text)).toBe(expected);
});
