// Passwords of eight characters or more that lead every published list of leaked ones.
const words = `
00000000 01234567 11111111 111111111 1111111111 11223344 112233445566 12121212 12341234 12345678
123456789 1234567890 12345678910 123456789a 1234qwer 123qweasd 123123123 1231231234 1q2w3e4r
1q2w3e4r5t 1qaz2wsx 1qazxsw2 22222222 31415926 55555555 66666666 77777777 87654321 88888888
987654321 9876543210 99999999 a1234567 a12345678 aa123456 aaaaaaaa abc12345 abcd1234 abcdefgh
access14 admin123 administrator adminadmin alexander asdf1234 asdfasdf asdfghjk asdfghjkl azertyuiop
babygirl baseball basketball battlefield benjamin blink182 butterfly caroline changeme charlotte
charlie1 chocolate christian computer cookie123 corvette courtney darkness december default1 diamond1
dragon123 elephant elizabeth facebook fireball football football1 forever1 freedom1 fuckyou1
garfield gateway1 geronimo hello123 helloworld iloveyou iloveyou1 internet isabella jennifer jordan23
justin123 kawasaki letmein1 letmein123 liverpool lovelove macdaddy marlboro maverick mercedes
michael1 michelle midnight monkey123 motorola mountain mustang1 nicholas november p@ssw0rd passw0rd
password password1 password12 password123 password1234 password! passport patricia pokemon1 portugal
princess princess1 q1w2e3r4 q1w2e3r4t5 qazwsxedc qwer1234 qwerty12 qwerty123 qwerty1234 qwertyui
qwertyuiop rainbow1 redskins remember rockyou1 samantha samsung1 scorpion security september serenity
shadow12 slipknot snickers snowball spiderman starwars steelers stephanie summer12 sunshine sunshine1
superman superman1 swordfish tinkerbell trustno1 twilight veronica victoria warcraft welcome1
welcome123 westside whatever wolverine woaini1314 yankees1 zaq12wsx zaq1zaq1 zxcvbnm1 zxcvbnm123
`;

const commonPasswords = new Set(words.trim().split(/\s+/));

export function isCommonPassword(password: string): boolean {
  return commonPasswords.has(password.toLowerCase());
}
