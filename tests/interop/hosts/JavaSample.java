import javax.servlet.ServletException;
import javax.servlet.http.HttpServletRequest;
import javax.servlet.http.HttpServletResponse;

import java.io.IOException;
import java.net.InetSocketAddress;

import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.handler.HandlerWrapper;
import org.eclipse.jetty.servlet.ServletContextHandler;
import org.eclipse.jetty.servlet.ServletHolder;

import resumable.js.upload.UploadServlet;

/** The servlet that resumable.js carries, in Jetty; see java_sample.py. */
public class JavaSample {

    public static void main(String[] arguments) throws Exception {
        Server server = new Server(new InetSocketAddress("127.0.0.1", 0));
        ServletContextHandler context = new ServletContextHandler(null, "/");
        context.addServlet(new ServletHolder(new UploadServlet()), "/upload");
        HandlerWrapper reporting = new Reporting();
        reporting.setHandler(context);
        server.setHandler(reporting);
        server.start();
        say("{\"port\": " + ((ServerConnector) server.getConnectors()[0]).getLocalPort() + "}");
        server.join();
    }

    /** Print one line and do not keep it back. */
    static synchronized void say(String line) {
        System.out.print(line + "\n");
        System.out.flush();
    }

    /** Tells about each request before its reply is sent. */
    static class Reporting extends HandlerWrapper {
        @Override
        public void handle(String target, Request base, HttpServletRequest request, HttpServletResponse response)
                throws IOException, ServletException {
            super.handle(target, base, request, response);
            say("{\"method\": \"" + request.getMethod() + "\", \"chunk\": "
                    + request.getParameter("resumableChunkNumber") + ", \"status\": " + response.getStatus()
                    + ", \"file_name\": null}");
        }
    }
}
