import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;

/** An echo service with java.nio, one selector for all; serves on the port that it is given. */
public class NioService {
    public static void main(String[] arguments) throws IOException {
        Selector selector = Selector.open();
        ServerSocketChannel server = ServerSocketChannel.open();
        server.bind(new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0])));
        server.configureBlocking(false);
        server.register(selector, SelectionKey.OP_ACCEPT);
        ByteBuffer buffer = ByteBuffer.allocate(4096);
        while (true) {
            selector.select(key -> serve(selector, key, buffer));
        }
    }

    private static void serve(Selector selector, SelectionKey key, ByteBuffer buffer) {
        try {
            if (key.isAcceptable()) {
                SocketChannel accepted = ((ServerSocketChannel) key.channel()).accept();
                accepted.configureBlocking(false);
                accepted.register(selector, SelectionKey.OP_READ);
                return;
            }
            SocketChannel client = (SocketChannel) key.channel();
            buffer.clear();
            if (client.read(buffer) < 0) {
                client.close();
                return;
            }
            buffer.flip();
            while (buffer.hasRemaining()) {
                client.write(buffer);
            }
        } catch (IOException gone) {
            key.cancel();
        }
    }
}
