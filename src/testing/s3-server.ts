// A real S3-compatible server on a free port of the loopback, with one bucket.
import S3rver from 's3rver';
import type { S3Settings } from '../storage/files/s3.ts';
import { temporaryDirectory } from './directory.ts';

export async function startS3Server() {
  const directory = temporaryDirectory();
  const server = new S3rver({
    address: '127.0.0.1',
    port: 0,
    silent: true,
    directory: directory.path,
    configureBuckets: [{ name: 'images', configs: [] }],
  });
  const { port } = await server.run();
  const settings: S3Settings = {
    endpoint: `http://127.0.0.1:${port}`,
    bucket: 'images',
    region: 'us-east-1',
    accessKeyId: 'S3RVER',
    secretAccessKey: 'S3RVER',
  };
  return {
    settings,
    async stop() {
      await server.close();
      directory.remove();
    },
  };
}
